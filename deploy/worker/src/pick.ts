import { isAbsent, type Json, type JsonObject } from "./values";

/** A value of the document and its path. */
export interface Field {
  value: Json;
  path: string;
}

/** The value under the first spelling that is present. If none is, the path has the first spelling. */
export function pick(object: JsonObject, path: string, spellings: [string, ...string[]]): Field {
  const name = spellings.find((spelling) => !isAbsent(object[spelling])) ?? spellings[0];
  return { value: object[name], path: path === "" ? name : `${path}.${name}` };
}
