/** The task queues. `orchestrator` decides, `io` talks to stores and databases, `build` runs shell tools. */
export const QUEUES = { orchestrator: "orchestrator", io: "io", build: "build" } as const;
export type Queue = (typeof QUEUES)[keyof typeof QUEUES];
