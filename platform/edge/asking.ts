import { EdgeFailure } from "./edge.ts";

/** Fetches from an edge. One that cannot be reached is an `EdgeFailure` that says which and why. */
export async function askEdge(
  url: string,
  { signal, timeoutMs, ...request }: RequestInit & { signal: AbortSignal; timeoutMs: number },
): Promise<Response> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    return await fetch(url, { ...request, signal: patience });
  } catch (error) {
    const { name, cause } = error as Error;
    const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? "no connection";
    const why = name === "TimeoutError" ? `no answer within ${timeoutMs / 1000} seconds` : code;
    throw new EdgeFailure(`${new URL(url).host} cannot be reached: ${why}.`, { cause: error });
  }
}

/** `urls` in portions of at most `most`, in their order. */
export function inBatches(urls: readonly string[], most: number): string[][] {
  const batches: string[][] = [];
  for (let at = 0; at < urls.length; at += most) batches.push(urls.slice(at, at + most));
  return batches;
}
