/** Shanghai has kept one offset since 1991. */
const OFFSET_MS = 8 * 3_600_000;

/** A moment in Asia/Shanghai, as `2026-11-21T20:00:00.000+08:00` (ISO 8601). */
export function printShanghai(moment: Date): string {
  return new Date(moment.getTime() + OFFSET_MS).toISOString().replace("Z", "+08:00");
}

/** `2026-11-21 20:00:00`, as a clock in Shanghai shows a moment. */
export function shanghaiClock(moment: Date): string {
  return printShanghai(moment).slice(0, 19).replace("T", " ");
}

/** The moment when a clock in Shanghai shows `2026-11-21 20:00:00`; undefined when none ever does. */
export function readShanghaiClock(text: string): Date | undefined {
  if (!/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/.test(text)) return undefined;
  const moment = new Date(`${text.replace(" ", "T")}+08:00`);
  const isReal = !Number.isNaN(moment.getTime()) && shanghaiClock(moment) === text;
  return isReal ? moment : undefined;
}
