/** The bounds that both ends of a WebSocket keep, in every runtime. */

export const MAX_MESSAGE_BYTES = 16_777_216;
/** How long the other side may take to answer a close frame. */
export const CLOSE_MS = 5_000;
/** Of the row of a socket that was closed for it. */
export const TOO_LARGE = 'Max payload size exceeded';
