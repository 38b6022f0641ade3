"""Project settings, a module a subject. Everybody in the project sees them; each change says which role it takes."""
