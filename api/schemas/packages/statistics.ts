import { z } from "zod";

const Sums = { downloads: z.int(), bytes: z.int() };
const Day = z.iso.date();

export const StatisticsQuery = z.strictObject({ from: Day.optional(), to: Day.optional() });

export const StatisticsOut = z.strictObject({
  from: Day,
  to: Day,
  ...Sums,
  days: z.array(z.strictObject({ day: Day, ...Sums })),
  versions: z.array(z.strictObject({ version: z.string(), ...Sums })),
  channels: z.array(z.strictObject({ channel: z.string(), ...Sums })),
  /** One per day, version and channel on which anything was downloaded, oldest first. */
  items: z.array(z.strictObject({ day: Day, version: z.string(), channel: z.string(), ...Sums })),
});
