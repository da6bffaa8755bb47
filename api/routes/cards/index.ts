export { readCardHealth, readCardStatus, validateCode } from "./clients.ts";
