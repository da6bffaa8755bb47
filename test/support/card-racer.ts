import { refusalIn } from "../../domain/errors.ts";
import { validateCard } from "../../models/cards/index.ts";
import { type DatabasePlace, openDatabase } from "../../models/database.ts";
import { MODELS } from "../../models/index.ts";

// A process of its own whose machines all show one card at once; it tells what each of them was answered.
const [place, hash, name, machines] = process.argv.slice(2) as [string, string, string, string];
const database = await openDatabase({ ...(JSON.parse(place) as DatabasePlace), define: MODELS });
const answers = await Promise.all(
  Array.from({ length: Number(machines) }, async (_, index) => {
    const machine = { machineCode: `${name}-${index}`, machineParts: null };
    const showing = { hashes: [hash], machine, product: undefined, useId: undefined };
    try {
      await validateCard(database, showing, { termSeconds: 10_800, mostRuns: 100 });
      return machine.machineCode;
    } catch (error) {
      return refusalIn(error)?.code ?? String(error);
    }
  }),
);
process.send?.(answers);
await database.close();
process.disconnect?.();
