// SPDX-License-Identifier: Apache-2.0
// What OSS does to a picture on its way out, as the text of `process` in SignUrl.

export interface Resize {
  readonly width?: number;
  readonly height?: number;
  /** `fit` stays inside the box, `fill` covers it and cuts what is over. */
  readonly mode?: 'fit' | 'fill';
}

export interface Watermark {
  readonly text: string;
  /** Height of the letters in pixels. */
  readonly size?: number;
  /** As `RRGGBB`. */
  readonly color?: string;
  /** 0 (not to be seen) to 100. */
  readonly opacity?: number;
  readonly corner?: 'nw' | 'ne' | 'sw' | 'se' | 'center';
}

export function resize({ width, height, mode = 'fit' }: Resize): string {
  return ['resize', `m_${mode === 'fit' ? 'lfit' : 'fill'}`, width && `w_${width}`, height && `h_${height}`].filter(Boolean).join(',');
}

export function watermark({ text, size = 24, color = 'FFFFFF', opacity = 80, corner = 'se' }: Watermark): string {
  return ['watermark', `text_${base64Url(text)}`, `size_${size}`, `color_${color}`, `t_${opacity}`, `g_${corner}`].join(',');
}

/** Steps in the order in which OSS is to do them. */
export function imageProcess(...steps: string[]): string {
  return ['image', ...steps].join('/');
}

function base64Url(text: string): string {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text));
  return btoa(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
