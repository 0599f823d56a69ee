import { printablePath } from "./text";

export type ErrorCode =
  | "invalid_json"
  | "invalid_field"
  | "empty_day"
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "too_large"
  | "storage_unavailable"
  | "not_configured";

interface ErrorDetails {
  /** The path of the invalid field, such as `overlay.seriesByKpi.Delta[3].t`. */
  field?: string;
  headers?: Record<string, string>;
  /** Goes into the log, never to the caller. */
  cause?: unknown;
}

/** An error response. The message is for the caller and says what to change. */
export class ApiError extends Error {
  readonly field: string | null;
  readonly headers: Record<string, string>;

  constructor(
    readonly status: number,
    readonly code: ErrorCode,
    message: string,
    details: ErrorDetails = {},
  ) {
    super(message, { cause: details.cause });
    this.field = details.field ?? null;
    this.headers = details.headers ?? {};
  }

  toResponse(requestId: string): Response {
    const error = { code: this.code, message: this.message, field: this.field };
    const body = { ok: false, error, request_id: requestId };
    return Response.json(body, { status: this.status, headers: this.headers });
  }
}

export function invalidField(field: string, problem: string): ApiError {
  const path = printablePath(field);
  return new ApiError(400, "invalid_field", `${path} ${problem}`, { field: path });
}

export function invalidJson(problem: string): ApiError {
  return new ApiError(400, "invalid_json", problem);
}

export function tooLarge(message: string): ApiError {
  return new ApiError(413, "too_large", message);
}

export function unavailable(code: ErrorCode, message: string, cause?: unknown): ApiError {
  return new ApiError(503, code, message, { headers: { "Retry-After": "10" }, cause });
}
