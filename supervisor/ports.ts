import { createServer, type Server } from "node:net";

/** One port that is about to be listened on, and the variable that chooses it. */
export interface WantedPort {
  variable: string;
  host: string;
  /** 0 takes any free one. */
  port: number;
  /** Another free port will do when this one is taken. */
  movable?: boolean;
}

/** Ports that others listen on; the message names each with the variable that changes it. */
export class PortsInUse extends Error {
  override readonly name = "PortsInUse";
  readonly wanted: WantedPort[];

  constructor(wanted: WantedPort[]) {
    super(wanted.map(({ variable, port }) => `port ${port} (${variable}) is in use`).join("\n"));
    this.wanted = wanted;
  }
}

/** Tries all ports at once and answers the ones to use, in the same order. Throws `PortsInUse`. */
export async function choosePorts(wanted: readonly WantedPort[]): Promise<number[]> {
  const taken: WantedPort[] = [];
  const servers: Server[] = [];
  try {
    const ports: number[] = [];
    for (const want of wanted) {
      let server = await listen(want.host, want.port);
      if (!server && want.movable) server = await listen(want.host, 0);
      if (server) servers.push(server);
      else taken.push(want);
      ports.push((server?.address() as { port: number } | undefined)?.port ?? 0);
    }
    if (taken.length > 0) throw new PortsInUse(taken);
    return ports;
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

async function listen(host: string, port: number): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen({ host, port, exclusive: true }, () => resolve(server));
  });
}
