export * from "./files.ts";
export * from "./history.ts";
export * from "./orders.ts";
export * from "./transfers.ts";
