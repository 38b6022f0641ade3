"""A recorded run as a pytest file: a template, and what fills it. Pure."""
