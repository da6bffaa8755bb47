import { bytes, digest, json, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** Three columns that name an object: its key, its length and its digest. */
const object = (name: string) => ({
  [`${name}_key`]: text(500, { allowNull: true }),
  [`${name}_bytes`]: bytes({ allowNull: true }),
  [`${name}_sha256`]: digest({ allowNull: true }),
});

const { output_sha256: _kept, ...OUTPUT } = object("output");
const RUN = {
  plan: json({ allowNull: true }),
  from_step: text(20, { allowNull: true }),
  ...object("input"),
  ...object("artefact"),
};
const FIRST = object("first_artefact");

/** Steps name their outputs, so that a later run can begin in their middle; a version can be built again. */
export const addRebuilds: Migration = {
  name: "20261121T1100-add-rebuilds",

  async up({ addColumns }) {
    await addColumns("package_steps", OUTPUT);
    await addColumns("package_runs", RUN);
    await addColumns("package_versions", FIRST);
  },

  async down({ dropColumns, run }) {
    await run("DELETE FROM package_runs WHERE kind = 'rebuild'");
    await run("DELETE FROM package_steps WHERE state = 'reused'");
    await dropColumns("package_versions", Object.keys(FIRST));
    await dropColumns("package_runs", Object.keys(RUN));
    await dropColumns("package_steps", Object.keys(OUTPUT));
  },
};
