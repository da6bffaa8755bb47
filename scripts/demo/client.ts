/** The few calls that a package client makes. Every refusal throws with the platform's own sentence. */
export function createPackageClient(baseUrl: string, apiKey: string) {
  const call = async (method: string, path: string, body?: FormData | object) => {
    const json = body !== undefined && !(body instanceof FormData);
    const response = await fetch(baseUrl + path, {
      method,
      headers: { "x-api-key": apiKey, ...(json && { "content-type": "application/json" }) },
      ...(body && { body: body instanceof FormData ? body : JSON.stringify(body) }),
    });
    const answer = (await response.json()) as Answer;
    if (!response.ok) {
      throw new Error(
        `${method} ${path} answered ${response.status}: ${answer.detail ?? answer.message}`,
      );
    }
    return answer;
  };

  return {
    read: (path: string) => call("GET", path),

    send: (path: string, body: FormData | object) => call("POST", path, body),

    /** Writes the run's log to `say` as it grows; answers the run when it has ended. */
    async watch(packageId: string, runId: string, say: (text: string) => void): Promise<Answer> {
      const path = `/api/v1/packages/${packageId}/runs/${runId}`;
      const log = await fetch(`${baseUrl}${path}/log?follow=true`, {
        headers: { "x-api-key": apiKey },
      });
      const decoder = new TextDecoder();
      for await (const piece of log.body!)
        say(decoder.decode(piece as Uint8Array, { stream: true }));
      const run = await call("GET", path);
      if (run["status"] !== "succeeded") {
        throw new Error(`The run ended ${String(run["status"])}: ${String(run["reason"])}`);
      }
      return run;
    },
  };
}

type Answer = Record<string, unknown> & { detail?: string; message?: string };
