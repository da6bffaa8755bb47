/** What we use of the driver. Its own types promise names that it exports only inside `default`. */
declare module "@appthreat/sqlite3" {
  type Done = (error: Error | null) => void;
  interface Database {
    configure(option: "busyTimeout", milliseconds: number): void;
    exec(sql: string, done: Done): this;
  }
  const sqlite3: { Database: new (file: string, mode: number, opened: Done) => Database };
  export default sqlite3;
}
