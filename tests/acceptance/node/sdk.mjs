// Plays the JavaScript SDK with the published socket.io client: registers, runs what it is sent, answers.
// Each line of stdout is a JSON object: what it heard or did. Ends when its stdin does.
import { io } from "socket.io-client";

const { SDK_URL: url, SDK_KEY: key, SDK_SESSION: sessionId, SDK_TRANSPORTS: transports } = process.env;

const tell = (what, data) => process.stdout.write(`${JSON.stringify({ what, data })}\n`);

const post = async (path, body) => {
  const headers = { "content-type": "application/json", authorization: `Bearer ${key}` };
  const response = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
  tell("posted", { path, status: response.status, answer: await response.json() });
};

// The application: a workflow of five calls. A call is answered from the recording if its number has one there.
const CALLS = ["search", "price", "gpt-4o-mini", "fetch", "pg.query"];

const runWorkflow = async ({ runConfigId, workflowInput }) => {
  const response = await fetch(`${url}/api/run-configs/${runConfigId}`, { headers: { "api-key": key } });
  const config = await response.json();
  const frozen = new Map(config.frozenEvents.map((event) => [event.id, event]));
  const outputs = [];
  let live = 0;
  for (const [index, name] of CALLS.entries()) {
    const event = frozen.get(index + 1);
    if (event && event.name === name) {
      outputs.push(event.output);
      continue;
    }
    live += 1;
    outputs.push(`live ${name}`);
    const own = { id: index + 1, type: "tool", name, input: null, output: `live ${name}`, timestamp: Date.now(), durationMs: 1 };
    await post("/api/trace-events", { runId: runConfigId, event: own });
  }
  tell("ran", { live, outputs, workflowInput });
  return outputs;
};

const socket = io(url, { auth: { apiKey: key, sessionId }, transports: transports.split(",") });

socket.on("connect", () => {
  const registration = { sessionId, tools: ["search", "price"], workflows: ["chat"], sdkVersion: "0.1.25", branch: "main" };
  socket.emit("register", registration, (answer) => tell("registered", answer));
});
socket.on("connect_error", (error) => tell("refused", { message: error.message, data: error.data }));
socket.on("auth:ok", (data) => tell("auth:ok", data));

const seen = new Set();
socket.on("trigger", async (signal) => {
  tell("trigger", signal);
  if (seen.has(signal.triggerId)) return;
  seen.add(signal.triggerId);
  const path = `/api/observability/triggers/${signal.triggerId}/results`;
  if (signal.mode === "workflow") {
    for (let run = 0; run < signal.runCount; run += 1) {
      const output = await runWorkflow(signal);
      await post(path, { mode: "workflow", workflowName: signal.workflowName, ok: true, output, durationMs: 3 });
    }
    return;
  }
  const steps = signal.steps.map(({ originalEventDbId, eventType, eventName, input }) => {
    const runs = Array.from({ length: signal.runCount }, () => ({ ok: true, output: { got: input }, durationMs: 1 }));
    return { originalEventDbId, eventType, eventName, runs };
  });
  await post(path, { mode: "step", steps });
});
socket.on("portal:task", (task) => {
  tell("portal:task", task);
  const result = { taskId: task.taskId, ok: true, output: { got: task.input }, durationMs: 2 };
  socket.emit("portal:result", result, (answer) => tell("answered", answer));
});
socket.on("workflow:rerun", async (signal) => {
  tell("workflow:rerun", signal);
  const output = await runWorkflow(signal);
  const { triggerId, runConfigId, workflowName } = signal;
  const result = { triggerId, runConfigId, workflowName, ok: true, output, durationMs: 3 };
  socket.emit("workflow:rerun:result", result, (answer) => tell("answered", answer));
});

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
