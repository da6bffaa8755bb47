/** The servers that a test run has, by the names under which `inject` hands them to tests. */
export interface TestServices {
  /** A database file with all tables, to be copied. */
  tables: { file: string };
  /**
   * A database of this run's own; its user may make others whose names begin with its name. `tables` are the
   * statements that make all tables in an empty one.
   */
  mysql: { url: string; tables: string };
  /** `prefix` begins every key that a test writes. */
  redis: { url: string; prefix: string };
  /** `bucket` exists and is this run's own; a test may make others whose names begin with its name. */
  s3: {
    endpoint: string;
    region: string;
    bucket: string;
    accessKeyId: string;
    secretAccessKey: string;
  };
  /** The program; each test starts its own. */
  nginx: { path: string };
  /** A namespace of this run's own, with the product's search attributes. */
  temporal: { address: string; namespace: string };
  /** The program of the server that skips time; each test starts its own. */
  timeSkipping: { path: string };
  /** The workflows, bundled once for all tests. */
  workflowBundle: { codePath: string };
}

declare module "vitest" {
  // oxlint-disable-next-line typescript/no-empty-object-type -- how vitest is told the types
  interface ProvidedContext extends Partial<TestServices> {}
}
