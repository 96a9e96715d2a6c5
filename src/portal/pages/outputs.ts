/** Own objects and outputs, and one of them with its player. */
import { html } from 'hono/html';
import type { OwnObject } from '../outputs.ts';
import { digits, empty, facts, type Html, outputPath, page, type Reader, time } from './layout.ts';

export function outputsPage(reader: Reader, objects: readonly OwnObject[], next: string | null): Html {
  const older = new URLSearchParams({ before: next ?? '' });
  return page(
    { title: 'Outputs', reader, place: '/portal/outputs' },
    html`${objects.length === 0 ? empty('Nothing yet. What your calls make stands here.') : html`<ul class="cards">${objects.map(card)}</ul>`}
${next === null ? '' : html`<p><a href="/portal/outputs?${older}">Older outputs</a></p>`}`,
  );
}

function card(one: OwnObject): Html {
  const what = [one.kind, one.seconds === null ? null : `${digits(one.seconds)} s`, one.model];
  return html`<li class="panel"><a href="${outputPath(one.id)}">${one.id}</a>
<p class="hint">${what.filter((part) => part !== null).join(', ')}</p><p class="hint">${time(one.at)} UTC${stateOf(one)}</p></li>`;
}

function stateOf({ isRunning, deletedAt }: OwnObject): string {
  if (deletedAt !== null) return ', deleted';
  return isRunning ? ', in the making' : '';
}

export function outputPage(reader: Reader, object: OwnObject): Html {
  const { id, kind, at, model, seconds, call } = object;
  return page(
    { title: 'Output', reader, place: '/portal/outputs' },
    html`${bytesOf(object)}
<div class="panel">${facts([
      ['Id', html`<code>${id}</code>`],
      ['Kind', `${kind}${stateOf(object)}`],
      ['Since', html`${time(at)} UTC`],
      ['Model', model ?? '–'],
      ['Length', seconds === null ? '–' : `${digits(seconds)} s`],
      ['Made by', call === null ? '–' : html`<a href="/portal/calls/${call}">the call</a>`],
    ])}</div>
<p class="acts"><a class="button" href="/portal/feedback?object=${encodeURIComponent(id)}">Give feedback</a>
<a class="button" href="/portal/findings?object=${encodeURIComponent(id)}">File a finding</a>
<a class="button" href="/portal/releases?object=${encodeURIComponent(id)}">Ask for its release</a></p>`,
  );
}

function bytesOf({ id, kind, content, isRunning, isHeld }: OwnObject): Html {
  if (content === null || isRunning) return html``;
  if (isHeld)
    return html`<p class="lead">Held until its release is approved. <a href="/portal/releases?object=${encodeURIComponent(id)}">Ask for it</a></p>`;
  const player = html`<video controls preload="none" src="${content}" aria-label="The video ${id}"></video>`;
  return html`${kind === 'videos' ? player : ''}
<p class="acts"><a class="button" href="${content}?download=1">Download</a>
<span class="hint">Playing and downloading are calls like those of your SDK: judged, counted and written down.</span></p>`;
}
