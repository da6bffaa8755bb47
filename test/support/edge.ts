import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** What stands between clients and the API in these tests: it is told to forget links, and shows them. */
export interface Edge {
  url: string;
  /** Where it gets what it shows. */
  origin: string;
  /** How often it was told that this path has changed. */
  purged(path: string): number;
  /**
   * From now on it takes requests about this path, to forget it or to show it, and answers nothing; resolves when the
   * next one has come.
   */
  hold(kind: "purge" | "show", path: string): Promise<void>;
  /** Cuts what it held; from now on it answers again. */
  letGo(): void;
  close(): Promise<void>;
}

/** Starts an edge on a free port. */
export async function startEdge(): Promise<Edge> {
  const purges: string[] = [];
  const holds = new Map<string, () => void>();
  const server = createServer((req, res) => {
    void (async () => {
      if (req.method === "POST") {
        const { urls } = JSON.parse(await text(req)) as { urls: string[] };
        const paths = urls.map((url) => new URL(url).pathname);
        const held = paths.map((path) => holds.get(`purge ${path}`)).find(Boolean);
        if (held) return held();
        purges.push(...paths);
        res.end("{}");
        return;
      }
      const held = holds.get(`show ${req.url}`);
      if (held) return held();
      const { method, headers } = req;
      const asked = request(edge.origin + req.url!, { method: method!, headers }, (answer) => {
        res.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(res);
      });
      asked.on("error", () => res.destroy());
      asked.end();
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  const edge: Edge = {
    url: `http://127.0.0.1:${port}`,
    origin: "",
    purged: (path) => purges.filter((one) => one === path).length,
    hold: (kind, path) => new Promise((resolve) => holds.set(`${kind} ${path}`, resolve)),
    letGo() {
      holds.clear();
      server.closeAllConnections();
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return edge;
}
