import { signIn } from "./package-client.ts";
import { until } from "./until.ts";

const MACHINES = 200;

/** What each of the machines was answered that all showed one card at once, one after the other to each of these APIs. */
export async function raceForCard(addresses: readonly string[], password: string) {
  const [first] = addresses as [string];
  const { accessToken } = await signIn(first, password);
  const ask = async (path: string, json?: object) => {
    const response = await fetch(first + path, {
      headers: { authorization: `Bearer ${accessToken}`, "content-type": "application/json" },
      ...(json && { method: "POST", body: JSON.stringify(json) }),
    });
    return response.text();
  };
  const batch = JSON.parse(
    await ask("/api/v1/cards/batches", { prefix: "RACE", count: 1, code_length: 32 }),
  ) as { id: string };
  const find = async () =>
    (await ask(`/api/v1/cards/export?format=txt&batch_id=${batch.id}`))
      .split("\n")
      .find((line) => line.startsWith("RACE-"));
  await until(async () => (await find()) !== undefined, 60_000);
  const code = await find();
  return Promise.all(
    Array.from({ length: MACHINES }, async (_, index) => {
      const response = await fetch(`${addresses[index % addresses.length]}/api/validate`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ code, machine_code: `PC-${index}` }),
      });
      const { message } = (await response.json()) as { message: string };
      return `${response.status} ${message}`;
    }),
  );
}

/** How often each answer was given. */
export function countEach(answers: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1;
  return counts;
}
