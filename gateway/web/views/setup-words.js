/** What the check finds, in words that help. */

/** @typedef {import('../lib/whip.js').LinkStats} LinkStats */
/** @typedef {{good: boolean | null, text: string}} Finding good: null while it isn't known */

// The face service's own limits, a little earlier: there is still time to move.
const SMALL_FACE = 0.14;
const LARGE_FACE = 0.55;
const DARK = 0.22;
const OFF_CENTRE = 0.22;
const NOISY_DBFS = -40;
const SPOKEN = 0.3;
const SLOW_MS = 250;
const LOSSY = 0.03;

/**
 * When it does not connect.
 * @param {import('../lib/api.js').ApiProblem | null} refused
 */
export function attemptInWords(refused) {
  return refused
    ? `${refused.error} Greenroom keeps trying.`
    : 'Picture and sound don’t get through yet. Greenroom keeps trying. If this stays: a ' +
      'company network or a VPN often blocks it, so try another network, or without it.';
}

/**
 * @param {LinkStats} link
 * @returns {Finding}
 */
export function linkInWords({ roundTripMs, loss }) {
  if ((loss ?? 0) > LOSSY) {
    return {
      good: false,
      text: `Connected, but ${Math.round(100 * (loss ?? 0))} in 100 packets get lost. Move nearer ` +
        'to the router, or use a cable.',
    };
  }
  if ((roundTripMs ?? 0) > SLOW_MS) {
    return { good: false, text: 'Connected, but slowly: hints may come late. The report won’t mind.' };
  }
  return { good: true, text: 'Connected, quick and steady.' };
}

/**
 * The same in figures, for who wants to know.
 * @param {LinkStats} link
 */
export function linkInFigures({ ice, roundTripMs, loss }) {
  const trip = roundTripMs === null ? 'not measured yet' : `${Math.round(roundTripMs)} ms`;
  const lost = loss === null ? 'not measured yet' : `${(100 * loss).toFixed(1)} of 100`;
  return `State: ${ice}. There and back: ${trip}. Packets lost: ${lost}.`;
}

/**
 * @param {any} picture the gateway's 'picture' message
 * @returns {Finding}
 */
export function pictureInWords(picture) {
  const { faces, face_width: width, centre_x: x, centre_y: y, brightness } = picture;
  if (width === null) {
    return { good: false, text: 'No face to be seen yet. Sit in front of the camera, with light on your face.' };
  }
  if (faces > 1) {
    return { good: false, text: 'More than one face is in the picture: the largest one counts.' };
  }
  if (brightness < DARK) {
    return { good: false, text: 'It is rather dark. A lamp or a window in front of you helps.' };
  }
  if (width < SMALL_FACE) return { good: false, text: 'You are far away. Come a little closer.' };
  if (width > LARGE_FACE || x - width / 2 < 0 || x + width / 2 > 1 || y < 0.15 || y > 0.85) {
    return { good: false, text: 'Your face is cut off. Move back, or tilt the camera.' };
  }
  if (Math.abs(x - 0.5) > OFF_CENTRE) {
    return { good: false, text: 'You are at the edge of the picture. Move towards the middle.' };
  }
  return { good: true, text: 'You are well in the picture.' };
}

/**
 * @param {any} sound the gateway's 'sound' or 'level' message
 * @param {boolean} heard whether it was good before: silence after speech is nothing bad
 * @returns {Finding | null} null: nothing new
 */
export function soundInWords(sound, heard) {
  if (sound.type === 'level') {
    const text = /** @type {Record<string, string>} */ ({
      too_quiet: 'You are hard to hear. Come closer to the microphone, or turn it up.',
      clipping: 'It is too loud for the microphone. Turn it down a little.',
      noisy: 'There is noise in the background. A quieter room, or a headset, helps.',
      automatic_gain:
        'The microphone changes its loudness by itself. If you can, switch “automatic gain” ' +
        'off, so that your loudness can be judged.',
    })[sound.detail];
    return text ? { good: false, text } : null;
  }
  if (sound.silent) {
    return { good: false, text: 'Nothing comes from the microphone. Is it muted?' };
  }
  if ((sound.noise_dbfs ?? -100) > NOISY_DBFS) {
    return { good: false, text: 'There is noise in the background. A quieter room, or a headset, helps.' };
  }
  if (sound.speech > SPOKEN) return { good: true, text: 'You can be heard well.' };
  return heard ? null : { good: null, text: 'Say a sentence or two …' };
}
