/** Renders the three kinds of picture the simulator serves: a clip, a still, a sheet of stills. */
import { createRequire } from 'node:module';
import type * as EncoderModule from 'h264-mp4-encoder';
import { createRgb, drawPicture, encodePng } from './png.ts';
import { createScene, type SceneSpec } from './scene.ts';
import { seekable } from './seekable.ts';

export type RenderJob = { kind: 'clip' | 'still' | 'sheet'; scene: SceneSpec };

const FRAMES_PER_SECOND = 6;
/** Long clips drop to fewer frames a second, so that no clip costs much more than a twelve second one. */
const MOST_FRAMES = 96;
const SECONDS_PER_KEYFRAME = 2;
const SHEET_COLUMNS = 4;
const SHEET_ROWS = 3;

export async function render(job: RenderJob): Promise<Uint8Array> {
  if (job.kind === 'clip') return renderClip(job.scene);
  return job.kind === 'still' ? renderStill(job.scene) : renderSheet(job.scene);
}

async function renderClip(scene: SceneSpec): Promise<Uint8Array> {
  const framesPerSecond = Math.max(2, Math.min(FRAMES_PER_SECOND, Math.floor(MOST_FRAMES / scene.seconds)));
  const paint = createScene(scene);
  const encoder = await createEncoder();
  const { width, height } = paint(0);
  encoder.outputFilename = 'clip.mp4';
  encoder.width = width;
  encoder.height = height;
  encoder.frameRate = framesPerSecond;
  encoder.speed = 10;
  encoder.quantizationParameter = 24;
  encoder.groupOfPictures = framesPerSecond * SECONDS_PER_KEYFRAME;
  encoder.initialize();
  const frames = framesPerSecond * scene.seconds;
  for (let frame = 0; frame < frames; frame++) {
    encoder.addFrameYuv(paint((frame + 1) / framesPerSecond).bytes);
  }
  encoder.finalize();
  const bytes = encoder.FS.readFile(encoder.outputFilename);
  encoder.FS.unlink(encoder.outputFilename);
  encoder.delete();
  return seekable(bytes, frames, framesPerSecond * SECONDS_PER_KEYFRAME);
}

function renderStill(scene: SceneSpec): Uint8Array {
  const picture = createScene(scene)(scene.seconds / 3);
  const canvas = createRgb(picture.width, picture.height);
  drawPicture(canvas, picture, 0, 0);
  return encodePng(canvas);
}

function renderSheet(scene: SceneSpec): Uint8Array {
  const tile = { ...scene, width: Math.round(scene.width / 4), height: Math.round(scene.height / 4) };
  const paint = createScene(tile);
  const { width, height } = paint(0);
  const sheet = createRgb(width * SHEET_COLUMNS, height * SHEET_ROWS);
  const tiles = SHEET_COLUMNS * SHEET_ROWS;
  for (let index = 0; index < tiles; index++) {
    const column = index % SHEET_COLUMNS;
    const row = Math.floor(index / SHEET_COLUMNS);
    drawPicture(sheet, paint((scene.seconds * (index + 0.5)) / tiles), column * width, row * height);
  }
  return encodePng(sheet);
}

function createEncoder(): Promise<EncoderModule.H264MP4Encoder> {
  // A CommonJS bundle without named exports that Node can see.
  const module: typeof EncoderModule = createRequire(import.meta.url)('h264-mp4-encoder');
  return module.createH264MP4Encoder();
}
