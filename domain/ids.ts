/** The things that live as workflows; each is the first word of its workflow id. */
export const NOUNS = [
  "card",
  "card-batch",
  "card-bulk",
  "card-import",
  "card-wheel",
  "code",
  "download",
  "fetch",
  "hold",
  "invitation",
  "package",
  "parse",
  "recharge",
  "sweep",
  "webhook",
] as const;
export type Noun = (typeof NOUNS)[number];

/** `package/<id>`, and for a child `package/<id>/build/<child>`: the one way ids of workflows are made. */
export function workflowId(noun: Noun, ...path: string[]): string {
  return [noun, ...path].join("/");
}
