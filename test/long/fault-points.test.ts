import { FAULT_POINTS } from "../../platform/faults.ts";
import { faultPointSuite } from "../support/suites/fault-points.ts";

// The worker is killed at every point of a publication, one after the other.

faultPointSuite(FAULT_POINTS);
