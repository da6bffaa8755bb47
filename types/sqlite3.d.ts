/** What we use of the driver. Its own types promise names that it exports only inside `default`. */
declare module "@appthreat/sqlite3" {
  type Done = (error: Error | null) => void;
  type Written = (this: { changes: number }, error: Error | null) => void;
  export interface Statement {
    all(values: readonly unknown[], done: (error: Error | null, rows: object[]) => void): void;
    run(values: readonly unknown[], done: Written): void;
    finalize(done: () => void): void;
  }
  interface Database {
    configure(option: "busyTimeout", milliseconds: number): void;
    exec(sql: string, done: Done): this;
    prepare(sql: string, prepared: Done): Statement;
    close(closed?: Done): void;
  }
  const sqlite3: { Database: new (file: string, mode: number, opened: Done) => Database };
  export default sqlite3;
}
