import { tooLarge, unavailable } from "./errors";

/** Errors of a database that lacks a migration. */
const MISSING_MIGRATION = /no such table|no such column|NOT NULL constraint failed/;

/** Converts a failure of the database to an ApiError. The database's text goes only into the log, as its cause. */
export async function runQuery<T>(query: Promise<T>): Promise<T> {
  try {
    return await query;
  } catch (cause) {
    if (String(cause).includes("SQLITE_TOOBIG")) {
      throw tooLarge("the day is larger than the database accepts; send fewer points");
    }
    const problem = MISSING_MIGRATION.test(String(cause))
      ? "the database's tables do not fit this Worker; apply its migrations"
      : "the database did not answer; try again";
    throw unavailable("storage_unavailable", problem, cause);
  }
}

/** The parameters of a statement. */
export class Parameters {
  readonly values: (string | number)[] = [];

  /** Adds a parameter and returns its placeholder, such as `?1`. */
  bind(value: string | number): string {
    this.values.push(value);
    return `?${this.values.length}`;
  }
}
