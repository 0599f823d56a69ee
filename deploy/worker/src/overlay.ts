import { invalidField } from "./errors";
import { entriesOf, idOf, writeArray, writeObject, writeWithoutNulls } from "./json";
import { readId, readNumber } from "./numbers";
import { pick, type Field } from "./pick";
import {
  isAbsent,
  readArray,
  readName,
  readObject,
  readString,
  readSymbol,
  readTime,
  trim,
  type Json,
} from "./values";

const SIDES = ["hi", "lo"] as const;

/**
 * The fields of an extremes item that have a column, in the order of the columns. A field whose function
 * returns undefined is not stored.
 */
const ITEM_FIELDS = new Map<string, (value: Json, path: string) => Json>([
  ["trade_id", readId],
  ["symbol", readSymbol],
  ["contract_name", readName],
  ["metric_raw", readNumber],
  ["metric_abs", readNumber],
  ["individual_pnl", readNumber],
  ["abs_individual_pnl", readNumber],
  ["percent_change", readNumber],
  ["cost_basis", readNumber],
  ["qty", readNumber],
  ["bid_price", readNumber],
  ["ask_price", readNumber],
  ["mid_price", readNumber],
  ["mid_ts", readTime],
  ["mid_mark_pnl", readNumber],
  ["liquidity_drag", readNumber],
]);
const REQUIRED_ITEM_FIELDS = new Set(["trade_id", "contract_name"]);

/** A normalized part of a day. */
interface NormalizedPart {
  json: string;
  /** The number of points or items. */
  size: number;
  /** The number of points or values that were dropped. */
  dropped: number;
}

export function normalizeSeries(series: Field): NormalizedPart {
  const byKpi = new Map<string, Map<string, string>>();
  let dropped = 0;
  for (const [kpi, list] of byName(series)) {
    const points = getOrInsert(byKpi, kpi, () => new Map<string, string>());
    readArray(list.value, list.path).forEach((element, i) => {
      if (isAbsent(element)) return;
      const path = `${list.path}[${i}]`;
      const point = readPoint(element, path);
      if (point === undefined) dropped++;
      else points.set(point.t, JSON.stringify(point)); // a repeated point keeps its first position
    });
  }
  const members = Array.from(
    byKpi,
    ([kpi, points]) => [kpi, writeArray([...points.values()])] as const,
  );
  const size = sum(byKpi.values(), (points) => points.size);
  return { json: writeObject(members), size, dropped };
}

function readPoint(element: Json, path: string) {
  const object = readObject(element, path);
  const time = pick(object, path, ["t", "time", "ts"]);
  const t = readTime(time.value, time.path);
  const number = pick(object, path, ["v", "value"]);
  const src = isAbsent(object["src"]) ? {} : { src: readString(object["src"], `${path}.src`) };
  const v = isAbsent(number.value) ? undefined : readNumber(number.value, number.path);
  return v === undefined ? undefined : { t, v, ...src };
}

export function normalizeExtremes(value: Json): NormalizedPart {
  const extremes = isAbsent(value) ? {} : readObject(value, "overlay.extremes");
  const byKpi = new Map<string, { hi: string[]; lo: string[] }>();
  let dropped = 0;
  for (const [kpi, field] of byName(pick(extremes, "overlay.extremes", ["byKpi"]))) {
    const lists = getOrInsert(byKpi, kpi, () => ({ hi: [], lo: [] }));
    const sides = readObject(field.value, field.path);
    for (const side of SIDES) {
      if (isAbsent(sides[side])) continue;
      const path = `${field.path}.${side}`;
      readArray(sides[side], path).forEach((item, i) => {
        if (isAbsent(item)) return;
        const { json, dropped: inItem } = writeItem(item, `${path}[${i}]`);
        lists[side].push(json);
        dropped += inItem;
      });
    }
  }
  const members = Array.from(byKpi, ([kpi, lists]) => {
    const sides = SIDES.map((side) => [side, writeArray(lists[side])] as const);
    return [kpi, writeObject(sides)] as const;
  });
  const size = sum(byKpi.values(), ({ hi, lo }) => hi.length + lo.length);
  return { json: writeObject(members), size, dropped };
}

function writeItem(element: Json, path: string): { json: string; dropped: number } {
  const item = readObject(element, path);
  const members: [string, string][] = [];
  let dropped = 0;
  for (const [field, read] of ITEM_FIELDS) {
    const value = field === "trade_id" ? idOf(item) : item[field];
    if (isAbsent(value) && !REQUIRED_ITEM_FIELDS.has(field)) continue;
    const normalized = read(value, `${path}.${field}`);
    if (normalized !== undefined) members.push([field, JSON.stringify(normalized)]);
    else if (read === readNumber) dropped++;
  }
  for (const [key, value] of entriesOf(item)) {
    if (isAbsent(value) || ITEM_FIELDS.has(key)) continue;
    members.push([key, writeWithoutNulls(value, `${path}.${key}`)]);
  }
  return { json: writeObject(members), dropped };
}

export function normalizeAssets(list: Field): string[] {
  if (isAbsent(list.value)) return [];
  const assets = new Map<string, string>();
  readArray(list.value, list.path).forEach((element, i) => {
    if (isAbsent(element)) return;
    const path = `${list.path}[${i}]`;
    const object = readObject(element, path);
    const asset = {
      trade_id: readId(idOf(object), `${path}.trade_id`),
      symbol: readSymbol(object["symbol"], `${path}.symbol`),
      contract_name: readName(object["contract_name"], `${path}.contract_name`),
    };
    const key = `${asset.trade_id} ${asset.contract_name}`;
    assets.set(key, JSON.stringify(asset)); // a repeated asset keeps its first position
  });
  return [...assets.values()];
}

/** The members of an object whose keys are names of KPIs, with the names trimmed. */
function* byName({ value, path }: Field): Generator<[kpi: string, field: Field]> {
  if (isAbsent(value)) return;
  for (const [key, member] of entriesOf(readObject(value, path))) {
    if (isAbsent(member)) continue;
    const kpi = trim(key);
    if (kpi === "") throw invalidField(path, "has a KPI whose name is empty");
    yield [kpi, { value: member, path: `${path}.${key}` }];
  }
}

function getOrInsert<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const existing = map.get(key);
  if (existing !== undefined) return existing;
  const value = make();
  map.set(key, value);
  return value;
}

function sum<T>(items: Iterable<T>, size: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += size(item);
  return total;
}
