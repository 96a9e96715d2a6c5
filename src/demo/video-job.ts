/** A video job's life, worked out from the clock whenever somebody asks. */
import { invalid } from './errors.ts';
import type { DemoState, VideoJob } from './state.ts';

const QUEUED_MS = 250;
const WORKING_MS = 1_100;
const KEPT_SECONDS = 24 * 60 * 60;

type VideoStatus = 'queued' | 'in_progress' | 'completed' | 'failed';

export function videoView(job: VideoJob) {
  const { status, progress } = standing(job);
  const finishedAt = Math.ceil((job.createdAtMs + QUEUED_MS + WORKING_MS) / 1000);
  return {
    id: job.id,
    object: 'video',
    model: job.model,
    status,
    progress,
    created_at: Math.floor(job.createdAtMs / 1000),
    completed_at: status === 'completed' ? finishedAt : null,
    expires_at: status === 'completed' ? finishedAt + KEPT_SECONDS : null,
    seconds: String(job.seconds),
    size: job.size,
    prompt: job.prompt,
    remixed_from_video_id: job.remixedFrom,
    error:
      status === 'failed'
        ? { code: 'video_generation_failed', message: 'The prompt asked for this job to fail.' }
        : null,
  };
}

/** The job, provided that it has come out well. */
export function completedVideo(state: DemoState, id: string): VideoJob {
  const job = state.videos.get(id);
  const { status } = standing(job);
  if (status === 'completed') return job;
  throw invalid(
    status === 'failed'
      ? `Video ${id} failed, so it has no content.`
      : `Video ${id} is not ready yet, use GET /v1/videos/${id} to check its status.`,
  );
}

function standing(job: VideoJob): { status: VideoStatus; progress: number } {
  const ageMs = Date.now() - job.createdAtMs;
  if (ageMs < QUEUED_MS) return { status: 'queued', progress: 0 };
  const progress = Math.floor(((ageMs - QUEUED_MS) / WORKING_MS) * 100);
  if (progress < 100) return { status: 'in_progress', progress };
  return job.prompt.includes('[[fail]]')
    ? { status: 'failed', progress: 100 }
    : { status: 'completed', progress: 100 };
}
