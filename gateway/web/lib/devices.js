/** Camera and microphone: opening, choosing, losing, hearing how loud it is. */

/** @typedef {'camera' | 'microphone'} Device */

/**
 * Why a device can't be used, in words.
 * @typedef {object} Refusal
 * @property {Device} device
 * @property {string} name of the DOMException
 * @property {string} text
 * @property {string} whatToDo
 */

/** @type {MediaTrackConstraints} */
const VIDEO = {
  width: { ideal: 640 },
  height: { ideal: 480 },
  frameRate: { ideal: 30, max: 30 },
  facingMode: 'user',
};

// As it is: gain control would hide how loudly one speaks, noise suppression breaths and
// hesitations. Echo cancellation keeps a question read aloud out of the answer.
/** @type {MediaTrackConstraints} */
const AUDIO = { autoGainControl: false, noiseSuppression: false, echoCancellation: true };

const KINDS = /** @type {const} */ ({ camera: 'video', microphone: 'audio' });

export class Devices {
  constructor() {
    this.stream = new MediaStream();
    /** @type {Map<Device, Refusal>} */
    this.refused = new Map();
    /** @type {(device: Device) => void} */
    this.onLost = () => {};
    this.closed = false;
  }

  /**
   * Opens what is wanted, each for itself: one that fails leaves the other.
   * @param {{camera: boolean, microphone: boolean}} wanted
   * @param {Record<string, any>} preferences
   */
  async open(wanted, preferences) {
    const devices = /** @type {Device[]} */ (['camera', 'microphone']);
    // What is open was refused as another device, which had been chosen in its place.
    for (const device of devices) if (this.track(device)) this.refused.delete(device);
    const missing = devices.filter((device) => wanted[device] && !this.track(device));
    // Asked together, the browser asks the candidate once.
    if (missing.length > 1 && (await this.#request(missing, preferences)) === null) return;
    for (const device of missing) {
      if (this.closed) return;
      const error = await this.#request([device], preferences);
      if (error) this.refused.set(device, refusal(device, error));
    }
  }

  /**
   * Another camera or microphone in the place of the present one.
   * @param {Device} device
   * @param {string} deviceId
   * @returns {Promise<MediaStreamTrack | null>} null: see `refused`
   */
  async choose(device, deviceId) {
    const old = this.track(device);
    const error = await this.#request([device], { [device]: { exact: deviceId } });
    if (error) {
      this.refused.set(device, refusal(device, error));
      return null;
    }
    if (old) this.#drop(old);
    return this.track(device);
  }

  /** @param {Device} device */
  track(device) {
    return this.stream.getTracks().findLast((track) => track.kind === KINDS[device]) ?? null;
  }

  /**
   * Whether anything is seen and heard: a paused practice sends black and silence.
   * @param {boolean} on
   */
  enable(on) {
    for (const track of this.stream.getTracks()) track.enabled = on;
  }

  /** For good: what the browser still opens after this is stopped at once. */
  close() {
    this.closed = true;
    for (const track of this.stream.getTracks()) this.#drop(track);
  }

  /**
   * What there is to choose from.
   * @param {Device} device
   * @returns {Promise<MediaDeviceInfo[]>}
   */
  async list(device) {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    return all.filter((info) => info.kind === `${KINDS[device]}input` && info.deviceId);
  }

  /**
   * @param {Device[]} devices
   * @param {Partial<Record<Device, ConstrainDOMString>>} ids a string alone is a wish
   * @returns {Promise<Error | null>}
   */
  async #request(devices, ids) {
    /** @type {MediaStreamConstraints} */
    const constraints = {};
    for (const device of devices) {
      const basis = device === 'camera' ? VIDEO : AUDIO;
      const deviceId = ids[device];
      // Beside a facing an id is one wish of two: another camera may be as good.
      constraints[KINDS[device]] = deviceId ? { ...basis, facingMode: undefined, deviceId } : basis;
    }
    try {
      if (!navigator.mediaDevices) throw new DOMException('', 'SecurityError');
      const opened = await navigator.mediaDevices.getUserMedia(constraints);
      for (const track of opened.getTracks()) {
        if (this.closed) track.stop();
        else this.#take(track);
      }
      return null;
    } catch (error) {
      return /** @type {Error} */ (error);
    }
  }

  /** @param {MediaStreamTrack} track */
  #take(track) {
    const device = track.kind === 'video' ? 'camera' : 'microphone';
    this.refused.delete(device);
    this.stream.addTrack(track);
    track.addEventListener('ended', () => {
      if (!this.stream.getTracks().includes(track)) return;
      this.stream.removeTrack(track);
      this.onLost(device);
    });
  }

  /** @param {MediaStreamTrack} track */
  #drop(track) {
    this.stream.removeTrack(track);
    track.stop();
  }
}

/**
 * @param {Device} device
 * @param {Error} error
 * @returns {Refusal}
 */
export function refusal(device, error) {
  const other = device === 'camera' ? 'sound alone' : 'the picture alone';
  const goOn = `You can also go on with ${other}.`;
  const words = {
    NotAllowedError: [
      `The browser does not let Greenroom use the ${device}.`,
      `Click the ${device} symbol beside the page’s address, choose “Allow”, then try again. ${goOn}`,
    ],
    NotFoundError: [`No ${device} was found.`, `Plug one in and try again. ${goOn}`],
    NotReadableError: [
      `The ${device} is there, but something else is using it.`,
      `Close other programs that use the ${device}, then try again. ${goOn}`,
    ],
    SecurityError: [
      `Browsers give the ${device} only to pages that they trust.`,
      'Open Greenroom by https, or on its own computer as http://localhost.',
    ],
  }[error.name] ?? [`The ${device} could not be opened.`, `Choose another one. ${goOn}`];
  return { device, name: error.name, text: words[0], whatToDo: words[1] };
}

const METER_MS = 80;
const METER_FLOOR_DB = -60;

/** How loud a stream is, a few times a second, until stopped. */
export class LevelMeter {
  /**
   * @param {MediaStream} stream
   * @param {(level: number) => void} onLevel 0 is silence, 1 as loud as it gets
   */
  constructor(stream, onLevel) {
    this.context = new AudioContext();
    const analyser = this.context.createAnalyser();
    analyser.fftSize = 2048;
    this.context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      const decibels = 10 * Math.log10(power + 1e-12);
      onLevel(Math.min(1, Math.max(0, 1 - decibels / METER_FLOOR_DB)));
    }, METER_MS);
  }

  stop() {
    clearInterval(this.timer);
    void this.context.close();
  }
}
