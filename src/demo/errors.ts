/** Refusals in the shape the real API gives them. */

type ErrorStatus = 400 | 401 | 404 | 409 | 413 | 416 | 500;

export class ApiError extends Error {
  readonly status: ErrorStatus;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;

  constructor(
    status: ErrorStatus,
    message: string,
    extra: { param?: string; code?: string; type?: string } = {},
  ) {
    super(message);
    this.status = status;
    this.type = extra.type ?? 'invalid_request_error';
    this.param = extra.param ?? null;
    this.code = extra.code ?? null;
  }
}

export function errorBody(error: ApiError) {
  const { message, type, param, code } = error;
  return { error: { message, type, param, code } };
}

export function invalid(message: string, param?: string): ApiError {
  return new ApiError(400, message, param === undefined ? {} : { param });
}

export function missing(param: string): ApiError {
  return new ApiError(400, `Missing required parameter: '${param}'.`, {
    param,
    code: 'missing_required_parameter',
  });
}

export function notFound(what: string, id: string): ApiError {
  return new ApiError(404, `${what} with id '${id}' not found.`, { param: 'id' });
}
