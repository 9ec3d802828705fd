/**
 * Something that people send off, such as a form: whether it is on its way, and why it failed. A
 * second click while it is on its way does nothing.
 */
export class Submission {
  working = $state(false);
  error = $state.raw<unknown>();

  /** Does `work` unless it is being done. The answer says whether it has been done now. */
  async run(work: () => Promise<unknown>): Promise<boolean> {
    if (this.working) return false;
    this.working = true;
    this.error = undefined;
    try {
      await work();
      return true;
    } catch (reason) {
      this.error = reason;
      return false;
    } finally {
      this.working = false;
    }
  }
}
