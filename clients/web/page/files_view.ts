// SPDX-License-Identifier: Apache-2.0
import { imageProcess, type OwnFile, resize, watermark } from '../src/index.js';
import { bytesText, element, explain, make, say } from './elements.js';
import type { User } from './user.js';

const list = element('file-list');
const status = element('files-status');
const viewer = element<HTMLDialogElement>('viewer');
const viewerTitle = element('viewer-title');
const viewerPicture = element<HTMLImageElement>('viewer-picture');

const PICTURE = /\.(png|jpe?g|gif|webp|bmp)$/i;
const THUMBNAIL = imageProcess(resize({ width: 160, height: 160, mode: 'fill' }));

/** The user's own files: thumbnail, watermark, delete. */
export class FilesView {
  // By all that tells one version of a file from another, so that a thumbnail is made once.
  private items = new Map<string, HTMLLIElement>();

  constructor(
    private readonly user: User,
    signal: AbortSignal,
  ) {
    element('refresh').addEventListener('click', () => void this.show(), { signal });
    list.replaceChildren();
    void this.show();
  }

  async show(): Promise<void> {
    try {
      const items = new Map<string, HTMLLIElement>();
      for await (const file of this.user.files.list()) {
        const version = JSON.stringify(file);
        items.set(version, this.items.get(version) ?? this.item(file));
      }
      this.items = items;
      list.replaceChildren(...items.values());
      say(status, items.size === 0 ? 'Nothing here yet.' : '');
    } catch (error) {
      say(status, explain(error), 'bad');
    }
  }

  private item(file: OwnFile): HTMLLIElement {
    const item = make('li', {});
    const name = make('span', { className: 'name', textContent: file.path }, make('small', { textContent: bytesText(file.bytes) }));
    if (PICTURE.test(file.path)) {
      const thumbnail = make('img', { className: 'thumbnail', alt: `Thumbnail of ${file.path}` });
      item.append(thumbnail, name, button('Watermark', file.path, () => this.watermarked(file.path)));
      this.user.files.url(file.path, THUMBNAIL).then(
        (url) => {
          thumbnail.src = url;
        },
        (error) => say(status, explain(error), 'bad'),
      );
    } else {
      item.append(name);
    }
    const remove = button('Delete', file.path, () => this.remove(file.path));
    remove.classList.add('danger');
    item.append(remove);
    return item;
  }

  private async watermarked(path: string): Promise<void> {
    const mark = watermark({ text: `${this.user.name} with Sluice`, size: 40 });
    await this.tell(async () => {
      viewerPicture.src = await this.user.files.url(path, imageProcess(resize({ width: 1000 }), mark));
      viewerPicture.alt = `${path} with a watermark`;
      viewerTitle.textContent = path;
      viewer.showModal();
    });
  }

  private async remove(path: string): Promise<void> {
    await this.tell(async () => {
      await this.user.files.remove(path);
      await this.show();
      say(status, `Deleted: ${path}.`, 'good');
    });
  }

  private async tell(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      say(status, explain(error), 'bad');
    }
  }
}

function button(what: string, path: string, act: () => Promise<void>): HTMLButtonElement {
  const made = make('button', { type: 'button', textContent: what });
  made.setAttribute('aria-label', `${what} ${path}`);
  made.addEventListener('click', () => void act());
  return made;
}
