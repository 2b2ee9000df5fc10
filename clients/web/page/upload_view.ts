// SPDX-License-Identifier: Apache-2.0
import {
  markOf,
  type SavedUpload,
  type Upload,
  uploadByForm,
  uploadByGateway,
  uploadByToken,
  uploadByUrl,
  type UploadOptions,
  type UploadState,
} from '../src/index.js';
import { bytesText, element, explain, make, say } from './elements.js';
import type { User } from './user.js';

const form = element<HTMLFormElement>('upload-form');
const picture = element<HTMLInputElement>('picture');
const preview = element<HTMLImageElement>('preview');
const start = element<HTMLButtonElement>('start');
const transfer = element('transfer');
const progress = element<HTMLProgressElement>('progress');
const bytes = element('transfer-bytes');
const pause = element<HTMLButtonElement>('pause');
const resume = element<HTMLButtonElement>('resume');
const cancel = element<HTMLButtonElement>('cancel');
const status = element('upload-status');
const unfinished = element('unfinished');

const WAYS: Record<string, string> = { form: 'signed form', url: 'signed URL', token: 'token', gateway: 'gateway' };

const STATES: Partial<Record<UploadState, string>> = {
  running: 'Uploading…',
  paused: 'Paused.',
  waiting: 'No connection. It goes on by itself…',
};

/** Choose a file and a way, watch it go, pause, resume, cancel. One upload at a time. */
export class UploadView {
  private current: Upload | undefined;

  constructor(
    private readonly user: User,
    private readonly onStored: () => void,
    signal: AbortSignal,
  ) {
    const on = (target: HTMLElement, event: string, act: () => void) => target.addEventListener(event, act, { signal });
    on(picture, 'change', () => this.chosen());
    on(form, 'submit', () => this.start());
    on(pause, 'click', () => this.current?.pause());
    on(resume, 'click', () => this.current?.resume());
    on(cancel, 'click', () => void this.current?.cancel());
    signal.addEventListener('abort', () => this.current?.pause());
    radio('gateway').disabled = user.gateway === undefined;
    form.reset();
    transfer.hidden = true;
    say(status, '');
    this.chosen();
    this.showUnfinished();
  }

  private chosen(): void {
    const file = picture.files?.[0];
    URL.revokeObjectURL(preview.src);
    preview.hidden = !file;
    if (file) preview.src = URL.createObjectURL(file);
    const saved = file && this.savedOf(file);
    if (saved) radio(saved.way).checked = true;
    start.textContent = saved ? `Go on from ${percent(saved.sentBytes, saved.file.size)}` : 'Upload';
  }

  private savedOf(file: File): SavedUpload | undefined {
    const mark = markOf(file);
    const same = (saved: SavedUpload): boolean =>
      saved.file.name === mark.name && saved.file.size === mark.size && saved.file.lastModified === mark.lastModified;
    return this.user.resume.store.unfinished(this.user.resume.owner).find(same);
  }

  private start(): void {
    const file = picture.files?.[0];
    if (!file) return;
    const way = new FormData(form).get('way') as string;
    element('transfer-name').textContent = file.name;
    transfer.hidden = false;
    unfinished.hidden = true;
    start.disabled = true;
    this.progressed(0, file.size);
    const upload = this.begin(way, file, {
      path: pathOf(file),
      onProgress: (sent, total) => this.progressed(sent, total),
      onState: (state, why) => this.entered(state, why && explain(why)),
    });
    this.current = upload;
    cancel.disabled = false;
    upload.done
      .then(
        (stored) => say(status, `Stored: ${stored.path}, ${bytesText(stored.bytes)}, by ${WAYS[way]}.`, 'good'),
        (error) => say(status, upload.state === 'cancelled' ? 'Cancelled.' : explain(error), upload.state === 'cancelled' ? '' : 'bad'),
      )
      .finally(() => {
        start.disabled = false;
        pause.hidden = resume.hidden = cancel.hidden = true;
        this.chosen();
        this.showUnfinished();
        if (upload.state === 'done') this.onStored();
      });
  }

  private begin(way: string, file: File, options: UploadOptions): Upload {
    const { broker, grant, Oss, tokens, gateway } = this.user;
    if (way === 'form') return uploadByForm(broker, file, { ...options, grant });
    if (way === 'url') return uploadByUrl(broker, file, { ...options, grant });
    if (way === 'token') return uploadByToken(Oss, tokens, file, { ...options, resume: this.user.resume });
    if (!gateway) throw new Error('this page knows no gateway');
    return uploadByGateway(gateway, file, { ...options, grant, overwrite: true, resume: this.user.resume });
  }

  private progressed(sent: number, total: number): void {
    progress.value = total === 0 ? 100 : (100 * sent) / total;
    bytes.textContent = `${percent(sent, total)} of ${bytesText(total)}`;
  }

  private entered(state: UploadState, why: string | undefined): void {
    pause.hidden = state !== 'running' && state !== 'waiting';
    resume.hidden = state !== 'paused';
    cancel.hidden = false;
    const text = STATES[state];
    if (text) say(status, state === 'waiting' && why ? `${text} (${why})` : text);
  }

  private showUnfinished(): void {
    const { store, owner } = this.user.resume;
    const items = store.unfinished(owner).map((saved) => {
      const forget = make('button', { type: 'button', textContent: 'Forget' });
      forget.addEventListener('click', () => {
        store.remove(saved);
        this.showUnfinished();
        this.chosen();
      });
      const text = `${saved.file.name} stopped at ${percent(saved.sentBytes, saved.file.size)} (${WAYS[saved.way] ?? saved.way}). Choose the same file to go on.`;
      return make('li', {}, make('span', { textContent: text }), forget);
    });
    unfinished.replaceChildren(...items);
    unfinished.hidden = items.length === 0;
  }
}

function radio(way: string): HTMLInputElement {
  const found = form.querySelector<HTMLInputElement>(`input[name="way"][value="${CSS.escape(way)}"]`);
  if (!found) throw new Error(`index.html has no way ${way}`);
  return found;
}

function percent(part: number, whole: number): string {
  return `${whole === 0 ? 100 : Math.floor((100 * part) / whole)} %`;
}

// What the broker refuses in a path becomes a dash.
function pathOf(file: File): string {
  // eslint-disable-next-line no-control-regex
  const name = file.name.replace(/[*?$\\/\u0000-\u001f\u007f]/g, '-');
  return name === '.' || name === '..' || name === '' ? 'picture' : name;
}
