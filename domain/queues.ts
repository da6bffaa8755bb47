/**
 * The task queues. `orchestrator` decides, `io` talks to stores and databases, `build` runs shell tools, `download` fetches
 * media, `outbound` waits for addresses that users gave, which may be slow or dead without holding anything else up.
 */
export const QUEUES = {
  orchestrator: "orchestrator",
  io: "io",
  build: "build",
  download: "download",
  outbound: "outbound",
} as const;
export type Queue = (typeof QUEUES)[keyof typeof QUEUES];
