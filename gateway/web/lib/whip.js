/** One WebRTC connection to the gateway, by WHIP (RFC 9725). */

/** @typedef {import('./api.js').Api} Api */

const GATHERING_MS = 1_000; // host candidates take milliseconds; a slow TURN server trickles
const MAX_BITRATE = 1_800_000; // VGA at 30 fps in good quality
const MAX_FPS = 30;

/**
 * How the connection does.
 * @typedef {object} LinkStats
 * @property {string} ice the ICE transport's state
 * @property {number | null} roundTripMs
 * @property {number | null} loss 0..1 of the packets that the gateway missed
 * @property {number} heard grows whenever anything comes from the gateway
 */

export class WhipConnection {
  /**
   * @param {Api} api
   * @param {string} sessionId
   * @param {RTCIceServer[]} iceServers
   * @param {(state: RTCPeerConnectionState) => void} onState
   * @param {(message: any) => void} onMessage what comes on the data channel
   */
  constructor(api, sessionId, iceServers, onState, onMessage) {
    this.api = api;
    this.sessionId = sessionId;
    this.location = '';
    this.tag = '';
    this.pc = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' });
    this.pc.addEventListener('connectionstatechange', () => onState(this.pc.connectionState));
    const channel = this.pc.createDataChannel('hints');
    channel.addEventListener('message', (event) => onMessage(JSON.parse(event.data)));
  }

  /**
   * Offers the tracks; connected is told by `onState`. Raises ApiProblem.
   * @param {MediaStream} stream
   * @param {AbortSignal} signal
   */
  async open(stream, signal) {
    for (const track of stream.getTracks()) await this.#send(track, stream);
    await this.pc.setLocalDescription();
    await this.#gathered();
    const sdp = /** @type {RTCSessionDescription} */ (this.pc.localDescription).sdp;
    /** @type {RTCIceCandidate[]} */
    const early = []; // found before there is a place to send them to
    this.pc.addEventListener('icecandidate', ({ candidate }) => {
      if (!candidate?.candidate) return;
      if (this.location) void this.#trickle(candidate);
      else early.push(candidate);
    });
    const { answer, location, tag } = await this.api.whip(this.sessionId, sdp, signal);
    this.location = location;
    this.tag = tag;
    for (const candidate of early) void this.#trickle(candidate);
    await this.pc.setRemoteDescription({ type: 'answer', sdp: answer });
  }

  /**
   * @param {MediaStreamTrack} track
   * @param {MediaStream} stream
   */
  async #send(track, stream) {
    if (track.kind === 'audio') {
      this.pc.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
      return;
    }
    const encoding = { maxBitrate: MAX_BITRATE, maxFramerate: MAX_FPS };
    /** @param {object} extra */
    const add = (extra) =>
      this.pc.addTransceiver(track, {
        direction: 'sendonly',
        streams: [stream],
        sendEncodings: [{ ...encoding, ...extra }],
      });
    let transceiver;
    try {
      // Temporal layers: the gateway may skip the upper ones without decoding them.
      transceiver = add({ scalabilityMode: 'L1T3' });
    } catch {
      transceiver = add({});
    }
    preferVp8(transceiver);
    const parameters = transceiver.sender.getParameters();
    try {
      // Fewer frames before a smaller picture: small faces can't be analysed.
      parameters.degradationPreference = 'maintain-resolution';
      await transceiver.sender.setParameters(parameters);
    } catch {
      // Not every browser lets the page choose; it then chooses by itself.
    }
  }

  #gathered() {
    if (this.pc.iceGatheringState === 'complete') return Promise.resolve();
    return new Promise((/** @type {(value?: unknown) => void} */ done) => {
      setTimeout(done, GATHERING_MS);
      this.pc.addEventListener('icegatheringstatechange', () => {
        if (this.pc.iceGatheringState === 'complete') done();
      });
    });
  }

  /** @param {RTCIceCandidate} candidate */
  async #trickle(candidate) {
    const { usernameFragment, sdpMid, candidate: line } = candidate;
    const fragment = `a=ice-ufrag:${usernameFragment}\r\na=mid:${sdpMid}\r\na=${line}\r\n`;
    await this.api.whipTrickle(this.sessionId, this.location, this.tag, fragment).catch(() => {
      // The candidates of the offer may do; if not, the connection fails and says so.
    });
  }

  /** @param {MediaStreamTrack} track */
  sends(track) {
    return this.pc.getSenders().some((sender) => sender.track === track);
  }

  /**
   * Sends another track of the same kind; false when there is no place for it, so that a
   * fresh offer is needed.
   * @param {MediaStreamTrack} track
   */
  async replace(track) {
    const sender = this.pc
      .getTransceivers()
      .find((t) => t.receiver.track.kind === track.kind && t.currentDirection === 'sendonly')?.sender;
    if (!sender) return false;
    await sender.replaceTrack(track);
    return true;
  }

  /** @returns {Promise<LinkStats>} */
  async stats() {
    /** @type {LinkStats} */
    const link = { ice: this.pc.iceConnectionState, roundTripMs: null, loss: null, heard: 0 };
    for (const report of (await this.pc.getStats()).values()) {
      if (report.type === 'candidate-pair' && report.nominated) {
        link.heard += (report.bytesReceived ?? 0) + (report.responsesReceived ?? 0);
        const seconds = report.currentRoundTripTime;
        if (seconds !== undefined) link.roundTripMs = seconds * 1000;
      } else if (report.type === 'remote-inbound-rtp' && report.fractionLost !== undefined) {
        link.loss = Math.max(link.loss ?? 0, report.fractionLost);
      }
    }
    return link;
  }

  /** The gateway notices by itself; its session waits for the next connection. */
  close() {
    this.pc.close();
  }
}

/** @param {RTCRtpTransceiver} transceiver */
function preferVp8(transceiver) {
  const codecs = RTCRtpSender.getCapabilities?.('video')?.codecs;
  if (!codecs || !transceiver.setCodecPreferences) return;
  const first = codecs.filter((codec) => codec.mimeType.toLowerCase() === 'video/vp8');
  const others = codecs.filter((codec) => !first.includes(codec));
  transceiver.setCodecPreferences([...first, ...others]);
}
