import { quietRuntime } from "./workers.ts";

// A vitest set-up file: the SDK takes its logger once per process, before anything else is asked of it.
quietRuntime();
