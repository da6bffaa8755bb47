/** The SDK types its durations with `StringValue` of `ms`, whose package hides its types; without this `Duration` is `any`. */
declare module "ms" {
  type Unit =
    | "ms"
    | "s"
    | "m"
    | "h"
    | "d"
    | "second"
    | "seconds"
    | "minute"
    | "minutes"
    | "hour"
    | "hours"
    | "day"
    | "days";
  export type StringValue = `${number}` | `${number}${Unit}` | `${number} ${Unit}`;
  export default function ms(value: StringValue): number;
}
