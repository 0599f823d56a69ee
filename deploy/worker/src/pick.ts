import { isAbsent, type Json, type JsonObject } from "./values";

/** A value and where the document has it. */
export interface Found {
  value: Json;
  path: string;
}

/** The first of a field's spellings that is present; absent, it is reported under the first one. */
export function pick(object: JsonObject, path: string, spellings: [string, ...string[]]): Found {
  const name = spellings.find((spelling) => !isAbsent(object[spelling])) ?? spellings[0];
  return { value: object[name], path: path === "" ? name : `${path}.${name}` };
}
