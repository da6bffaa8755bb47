import type { Connection } from "@temporalio/client";
import { encodeSearchAttributeIndexedValueType } from "@temporalio/common/lib/search-attributes.js";
import { SEARCH_ATTRIBUTES } from "../../domain/search-attributes.ts";

/** Makes ours known to a server that skips time: `ensureNamespace` asks for more than it has. */
export async function addSearchAttributes(
  { operatorService }: Connection,
  namespace: string,
): Promise<void> {
  const types = Object.values(SEARCH_ATTRIBUTES).map(({ name, type }) => [
    name,
    encodeSearchAttributeIndexedValueType(type),
  ]);
  const searchAttributes = Object.fromEntries(types);
  await operatorService.addSearchAttributes({ namespace, searchAttributes });
}
