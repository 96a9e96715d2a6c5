/** Notices that upstream is away, and that it is back: on a change only, and not for a single call. */
import type { AnswerSink, Upstream } from '../deps.ts';

const FAILURES = 5;
const FOR_MS = 10_000;

/** @param changed hears of each change, with how many calls failed one after another */
export function watchUpstream(
  upstream: Upstream,
  changed: (isDown: boolean, failures: number) => void,
  monotonicMs: () => number = () => performance.now(),
): Upstream {
  let [failures, since, isDown] = [0, 0, false];
  const failed = () => {
    if (failures++ === 0) since = monotonicMs();
    if (isDown || failures < FAILURES || monotonicMs() - since < FOR_MS) return;
    isDown = true;
    changed(true, failures);
  };
  const answered = () => {
    failures = 0;
    if (!isDown) return;
    isDown = false;
    changed(false, 0);
  };
  return {
    send: (out, sink) => upstream.send(out, watched(sink, answered, failed)),
    dial: (out, protocol, sink) => upstream.dial(out, protocol, sink),
    quotesKey: (said) => upstream.quotesKey(said),
  };
}

function watched(sink: AnswerSink, answered: () => void, failed: () => void): AnswerSink {
  return {
    head(status, headers) {
      answered();
      sink.head(status, headers);
    },
    data: (chunk) => sink.data(chunk),
    end: () => sink.end(),
    error(fault) {
      if (fault === 'unreachable' || fault === 'timeout') failed();
      sink.error(fault);
    },
  };
}
