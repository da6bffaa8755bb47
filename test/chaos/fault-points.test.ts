import { FAULT_POINTS } from "../../platform/faults.ts";
import { takeChance } from "../support/chance.ts";
import { faultPointSuite } from "../support/suites/fault-points.ts";

// The worker is killed between any two steps of a publication; `npm run test:long` tries all of them.

const POINTS = 4;

const chance = takeChance();
const left = [...FAULT_POINTS];
while (left.length > POINTS) left.splice(chance.below(left.length), 1);
faultPointSuite(left);
