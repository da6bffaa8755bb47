import { expect, test } from "vitest";
import { describeMariadb, openTestDatabase } from "../support/database.ts";
import { tryRandomSequences } from "../support/suites/ledger.ts";

// Many random sequences of everything that can happen to money, on both databases.

const SEQUENCES = Number(process.env["LONG_SEQUENCES"] || 10_000);

test(`${SEQUENCES} random sequences on SQLite`, async () => {
  const { failed, numRuns } = await tryRandomSequences(await openTestDatabase(), SEQUENCES);

  expect({ failed, numRuns }).toEqual({ failed: false, numRuns: SEQUENCES });
});

describeMariadb(({ open }) => {
  test(`${SEQUENCES} random sequences`, async () => {
    const { failed, numRuns } = await tryRandomSequences(await open(), SEQUENCES);

    expect({ failed, numRuns }).toEqual({ failed: false, numRuns: SEQUENCES });
  });
});
