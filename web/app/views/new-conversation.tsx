import { useSignal } from "@preact/signals";
import type { User } from "@pg-parley/client";
import type { RefObject } from "preact";
import { createGroup, openDirect } from "../state/conversations";
import { show } from "../state/route";
import { wordsFor } from "../state/wording";
import { useSubmission } from "./form";
import { GroupDraft } from "./group-draft";
import { Icon } from "./icon";
import { keepOpenWhileComposing } from "./keys";
import { PeopleSearch } from "./people-search";

/** Find somebody and talk to them, or gather several in a group. */
export function NewConversation({ dialog }: { dialog: RefObject<HTMLDialogElement> }) {
  const isGroup = useSignal(false);
  const chosen = useSignal<readonly User[]>([]);
  const round = useSignal(0);
  const { busy, problem, submit } = useSubmission();

  const close = () => dialog.current?.close();
  const reset = () => {
    isGroup.value = false;
    chosen.value = [];
    problem.value = null;
    round.value++;
  };
  const finish = (opening: Promise<number>) =>
    submit(async () => {
      show(await opening);
      close();
    });
  const toggle = (user: User) => {
    const without = chosen.value.filter((it) => it.id !== user.id);
    chosen.value = without.length < chosen.value.length ? without : [...chosen.value, user];
  };
  const pick = (user: User) => {
    if (isGroup.value) toggle(user);
    else void finish(openDirect(user.username));
  };
  const usernames = () => chosen.value.map((user) => user.username);

  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby="new-title"
      onClose={reset}
      onKeyDown={keepOpenWhileComposing}
    >
      <header class="dialog-head">
        <h2 id="new-title">{isGroup.value ? "New group" : "New conversation"}</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      {isGroup.value && (
        <GroupDraft
          chosen={chosen.value}
          busy={busy.value}
          remove={toggle}
          create={(name) => void finish(createGroup(name, usernames()))}
        />
      )}
      <PeopleSearch
        key={round.value}
        chosen={isGroup.value ? chosen.value : null}
        busy={busy.value}
        pick={pick}
      />
      {problem.value && (
        <p class="note note-bad" role="alert">
          {wordsFor(problem.value)}
        </p>
      )}
      {!isGroup.value && (
        <button type="button" class="button button-quiet" onClick={() => (isGroup.value = true)}>
          <Icon name="people" />
          Make a group
        </button>
      )}
    </dialog>
  );
}
