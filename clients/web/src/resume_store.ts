// SPDX-License-Identifier: Apache-2.0

/** What survives a reload: everything but the file itself, which the user chooses again. */
export interface SavedUpload<State = unknown> {
  /** Who uploads; another user of the same browser sees nothing of it. */
  readonly owner: string;
  readonly way: string;
  readonly path: string;
  readonly file: FileMark;
  readonly sentBytes: number;
  readonly savedAt: number;
  /** The way's own. */
  readonly state: State;
}

/** Tells a file from another one without reading it. */
export interface FileMark {
  readonly name: string;
  readonly size: number;
  readonly lastModified: number;
}

export function markOf(file: Blob): FileMark {
  const { name = '', lastModified = 0 } = file as Partial<File>;
  return { name, size: file.size, lastModified };
}

const KEY = 'sluice-upload:';
// OSS's lifecycle rule or the gateway's expiry has freed it by then.
const KEEP_MS = 7 * 24 * 3600 * 1000;

type KeptIn = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

/** Unfinished uploads in the browser's storage. Holds an upload id, never a token: alone it is worth nothing. */
export class ResumeStore {
  private readonly storage: KeptIn | undefined;

  constructor(
    storage?: KeptIn,
    private readonly now: () => number = Date.now,
  ) {
    this.storage = storage ?? browserStorage();
  }

  /** The upload of this very file, by this way, to this path. */
  find<State>(owner: string, way: string, path: string, file: FileMark): SavedUpload<State> | undefined {
    return this.read(keyOf({ owner, way, path, file })) as SavedUpload<State> | undefined;
  }

  save(upload: Omit<SavedUpload, 'savedAt'>): void {
    try {
      this.storage?.setItem(keyOf(upload), JSON.stringify({ ...upload, savedAt: this.now() }));
    } catch {
      // No room, or a browser that stores nothing: the upload goes on, and only a reload would begin anew.
    }
  }

  remove(upload: Pick<SavedUpload, 'owner' | 'way' | 'path' | 'file'>): void {
    this.storage?.removeItem(keyOf(upload));
  }

  /** What this owner has not finished, newest first. */
  unfinished(owner: string): SavedUpload[] {
    const keys = Array.from({ length: this.storage?.length ?? 0 }, (_, i) => this.storage?.key(i) ?? '');
    return keys
      .filter((key) => key.startsWith(KEY))
      .map((key) => this.read(key))
      .filter((upload): upload is SavedUpload => upload?.owner === owner)
      .sort((a, b) => b.savedAt - a.savedAt);
  }

  private read(key: string): SavedUpload | undefined {
    const text = this.storage?.getItem(key);
    if (!text) return undefined;
    try {
      const upload = JSON.parse(text) as SavedUpload;
      if (keyOf(upload) === key && upload.savedAt > this.now() - KEEP_MS) return upload;
    } catch {
      // Not ours, or of another version.
    }
    this.storage?.removeItem(key);
    return undefined;
  }
}

// None where the user lets pages store nothing; then a reload begins anew.
function browserStorage(): KeptIn | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}

function keyOf({ owner, way, path, file }: Pick<SavedUpload, 'owner' | 'way' | 'path' | 'file'>): string {
  return KEY + JSON.stringify([owner, way, path, file.name, file.size, file.lastModified]);
}
