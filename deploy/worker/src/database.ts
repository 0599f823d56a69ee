import { tooLarge, unavailable } from "./errors";

/** What a database says that has not had every migration. */
const OTHER_TABLES = /no such table|no such column|NOT NULL constraint failed/;

/** What a statement answers, or the error for the caller; the database's own text is for the log. */
export async function answered<T>(query: Promise<T>): Promise<T> {
  try {
    return await query;
  } catch (cause) {
    if (String(cause).includes("SQLITE_TOOBIG")) {
      throw tooLarge("the day is larger than the database takes; send fewer points");
    }
    const problem = OTHER_TABLES.test(String(cause))
      ? "the database's tables are not those of this Worker; apply its migrations"
      : "the database did not answer; try again";
    throw unavailable("storage_unavailable", problem, cause);
  }
}

/** A statement's parameters; `bind` gives the place of one. */
export class Parameters {
  readonly values: (string | number)[] = [];

  bind(value: string | number): string {
    this.values.push(value);
    return `?${this.values.length}`;
  }
}
