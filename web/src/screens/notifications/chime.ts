/** The sound of an alert: made on the spot, so that there is no file to load when it is due. */

let context: AudioContext | undefined;

/** Two short notes, a fourth apart: how high, and when each begins. */
const NOTES = [
  { hertz: 660, after: 0 },
  { hertz: 880, after: 0.11 },
] as const;
const LENGTH_SECONDS = 0.32;
const LOUDNESS = 0.12;

/**
 * Plays it. Browsers let a page sound only after it has been clicked or typed into; until then
 * nothing happens, rather than all that was missed at once later.
 */
export function playChime(): void {
  if (typeof AudioContext === 'undefined' || !navigator.userActivation?.hasBeenActive) return;
  context ??= new AudioContext();
  void context.resume();
  for (const { hertz, after } of NOTES) strike(context, hertz, context.currentTime + after);
}

/** A note that begins at once and dies away, without the click of a wave that is cut off. */
function strike(audio: AudioContext, hertz: number, at: number): void {
  const note = new OscillatorNode(audio, { type: 'sine', frequency: hertz });
  const volume = new GainNode(audio, { gain: 0 });
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(LOUDNESS, at + 0.01);
  volume.gain.exponentialRampToValueAtTime(0.0001, at + LENGTH_SECONDS);
  note.connect(volume).connect(audio.destination);
  note.start(at);
  note.stop(at + LENGTH_SECONDS);
}
