import { createServer, type Server } from "node:net";
import { BadConfiguration } from "../platform/env.ts";

/** One port that is about to be listened on, and the variable that chooses it. */
export interface WantedPort {
  variable: string;
  host: string;
  /** 0 takes any free one. */
  port: number;
  /** Another free port will do when this one is taken. */
  movable?: boolean;
}

/** A port that another one listens on, and the next one that nobody does. */
export interface TakenPort extends WantedPort {
  free: number;
}

const LAST_PORT = 65_535;
/** What the system says of an address that this machine does not have. */
const NO_ADDRESS = new Set(["EADDRNOTAVAIL", "ENOTFOUND", "EAI_AGAIN", "EINVAL"]);

function notOurs(host: string): string {
  return `HOST: ${host} is no address of this machine`;
}

/** Ports that others listen on; the message names each with the variable that changes it. */
export class PortsInUse extends Error {
  override readonly name = "PortsInUse";
  readonly wanted: TakenPort[];

  constructor(wanted: TakenPort[]) {
    super(wanted.map(({ variable, port }) => `port ${port} (${variable}) is in use`).join("\n"));
    this.wanted = wanted;
  }
}

/** Tries all ports at once and answers the ones to use, in the same order. Throws `PortsInUse`. */
export async function choosePorts(wanted: readonly WantedPort[]): Promise<number[]> {
  const taken: TakenPort[] = [];
  const servers: Server[] = [];
  try {
    const ports: number[] = [];
    for (const want of wanted) {
      let server = await listen(want.host, want.port);
      if (!server && want.movable) server = await listen(want.host, 0);
      if (server) servers.push(server);
      else {
        const next = await listenAfter(want);
        servers.push(next.server);
        taken.push({ ...want, free: next.port });
      }
      ports.push((server?.address() as { port: number } | undefined)?.port ?? 0);
    }
    if (taken.length > 0) throw new PortsInUse(taken);
    return ports;
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** Holds the next port that is free, so that no two hints name the same. */
async function listenAfter({ host, port }: WantedPort): Promise<{ server: Server; port: number }> {
  for (let next = port + 1; ; next++) {
    const server = await listen(host, next <= LAST_PORT ? next : 0);
    if (server) return { server, port: (server.address() as { port: number }).port };
  }
}

async function listen(host: string, port: number): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else if (NO_ADDRESS.has(error.code ?? "")) reject(new BadConfiguration([notOurs(host)]));
      else reject(error);
    });
    server.listen({ host, port, exclusive: true }, () => resolve(server));
  });
}
