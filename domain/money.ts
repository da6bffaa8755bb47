/** An amount of money in the smallest coin: a whole number, below zero when it is owed or taken. */
export type Fen = number;

/** The amount in yuan, with both of its decimals: `12.50`. */
export function printYuan(fen: Fen): string {
  const digits = `${Math.abs(fen)}`.padStart(3, "0");
  return `${fen < 0 ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** The fen of an amount in yuan, `12.5` or `-3`; undefined when it is none, or finer than a fen. */
export function parseYuan(text: string): Fen | undefined {
  const [, sign, yuan, decimals = ""] = /^(-?)(\d{1,12})(?:\.(\d{1,2}))?$/.exec(text) ?? [];
  if (yuan === undefined) return undefined;
  const fen = Number(yuan) * 100 + Number(decimals.padEnd(2, "0"));
  return sign && fen > 0 ? -fen : fen;
}
