/** Line icons of one weight, drawn for Greenroom; each is a path on a 24 x 24 grid. */

import { svg } from './dom.js';

/** @type {Record<string, string>} */
const PATHS = {
  slower: 'M4 12h9M4 7h5M4 17h5M20 6v12M16.5 14.5 20 18l3-3.5',
  faster: 'M4 12h9M4 7h5M4 17h5M20 18V6M16.5 9.5 20 6l3 3.5',
  louder: 'M4 10v4h3l5 4V6l-5 4zM16 9.5a4 4 0 0 1 0 5M18.5 7a8 8 0 0 1 0 10',
  pause: 'M8 6v12M16 6v12',
  play: 'M8 5.5v13l10.5-6.5z',
  eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 14.6a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2Z',
  hand: 'M7 12V6.5a1.5 1.5 0 0 1 3 0V11m0-5.5a1.5 1.5 0 0 1 3 0V11m0-4.5a1.5 1.5 0 0 1 3 0V12m0-3a1.5 1.5 0 0 1 3 0v5.5a6 6 0 0 1-6 6h-1.5a6 6 0 0 1-5-2.7L4 14.2a1.6 1.6 0 0 1 2.5-2z',
  clock: 'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 7.5V12l3 2',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  camera: 'M3.5 7.5h11v9h-11zM14.5 11l6-3v8l-6-3',
  microphone: 'M12 14.5a3 3 0 0 0 3-3v-5a3 3 0 0 0-6 0v5a3 3 0 0 0 3 3ZM6 11.5a6 6 0 0 0 12 0M12 17.5V21',
  link: 'M4.5 14a11 11 0 0 1 15 0M8 17.3a6 6 0 0 1 8 0M12 20.5h0M2 10.5a15 15 0 0 1 20 0',
  again: 'M5 12a7 7 0 1 1 2.2 5.1M5 18v-4h4',
  next: 'M5 12h13M13 6.5 18.5 12 13 17.5',
  warn: 'M12 4 2.8 19.5h18.4zM12 10v4.5M12 17h0',
};

/**
 * Decorative: what it means stands beside it as text.
 * @param {string} name
 * @returns {SVGElement}
 */
export function icon(name) {
  return svg(
    'svg',
    {
      class: 'icon',
      viewBox: '0 0 24 24',
      fill: 'none',
      stroke: 'currentColor',
      'stroke-width': 1.8,
      'stroke-linecap': 'round',
      'stroke-linejoin': 'round',
      'aria-hidden': 'true',
    },
    svg('path', { d: PATHS[name] ?? PATHS.check }),
  );
}
