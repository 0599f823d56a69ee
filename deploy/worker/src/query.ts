import { invalidField } from "./errors";
import { quote } from "./text";
import { isDate, trim } from "./values";

export const PARTS = ["kpis", "series", "extremes", "assets"] as const;
export type Part = (typeof PARTS)[number];

/** The parts of a day that a request selects. */
export interface Selection {
  parts: ReadonlySet<Part>;
  /** If set, only this KPI. */
  kpi: string | undefined;
}

/** The days `from` to `to`, both included; if there are more than `limit`, the newest ones. */
export interface DateRange {
  from: string | undefined;
  to: string | undefined;
  limit: number;
}

/** The query parameters of a URL. A repeated parameter is an error. */
export class Query {
  readonly #parameters: URLSearchParams;

  constructor(request: Request) {
    this.#parameters = new URL(request.url).searchParams;
  }

  limit(defaultLimit: number, max: number): number {
    const text = this.#get("limit") ?? String(defaultLimit);
    const limit = Number(text);
    if (!/^\d{1,6}$/.test(text) || limit < 1 || limit > max) {
      throw invalidField("limit", `must be a whole number from 1 to ${max}`);
    }
    return limit;
  }

  date(name: string): string | undefined {
    const text = this.#get(name);
    if (text !== undefined) checkDate(text, name);
    return text;
  }

  range(defaultLimit: number, max: number): DateRange {
    const from = this.date("from");
    const to = this.date("to");
    if (from !== undefined && to !== undefined && from > to) {
      throw invalidField("from", "must not be after `to`");
    }
    return { from, to, limit: this.limit(defaultLimit, max) };
  }

  /** Assets do not belong to a KPI, so a selection of one KPI has assets only if `parts` names them. */
  selection(): Selection {
    const name = this.#get("kpi");
    const kpi = name === undefined ? undefined : kpiName(name);
    const list = this.#get("parts");
    if (list !== undefined) return { parts: new Set(list.split(",").map(readPart)), kpi };
    return { parts: new Set(PARTS.filter((part) => kpi === undefined || part !== "assets")), kpi };
  }

  #get(name: string): string | undefined {
    const values = this.#parameters.getAll(name);
    if (values.length > 1) throw invalidField(name, "must be given only once");
    return values[0];
  }
}

export function checkDate(text: string, field: string): void {
  if (!isDate(text)) throw invalidField(field, "must be a day that exists, written YYYY-MM-DD");
}

/** Converts a KPI's name to its stored form. */
export function kpiName(text: string): string {
  const name = trim(text);
  if (name === "") throw invalidField("kpi", "must not be empty");
  return name;
}

function readPart(text: string): Part {
  const part = PARTS.find((part) => part === text.trim());
  if (part !== undefined) return part;
  throw invalidField("parts", `must be a list of ${PARTS.join(", ")}, not ${quote(text)}`);
}
