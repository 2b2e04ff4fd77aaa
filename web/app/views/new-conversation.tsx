import { useSignal, useSignalEffect } from "@preact/signals";
import type { User } from "@pg-parley/client";
import type { RefObject } from "preact";
import { chat } from "../state/client";
import { createGroup, openDirect } from "../state/conversations";
import { show } from "../state/route";
import { wordsFor } from "../state/wording";
import { useSubmission } from "./form";
import { GroupDraft } from "./group-draft";
import { Icon } from "./icon";
import { keepOpenWhileComposing } from "./keys";
import { PeopleSearch } from "./people-search";

/** Where the name of a group that is not made yet is kept. */
const DRAFT = "group";

/** Find somebody and talk to them, or gather several in a group. */
export function NewConversation({ dialog }: { dialog: RefObject<HTMLDialogElement> }) {
  const isGroup = useSignal(false);
  const chosen = useSignal<readonly User[]>([]);
  const name = useSignal(chat.drafts.get(DRAFT));
  const round = useSignal(0);
  const { busy, problem, submit } = useSubmission();

  const close = () => dialog.current?.close();
  useSignalEffect(() => chat.drafts.set(DRAFT, name.value));

  /** A group that was begun can be gone on with: the name and the people stay until it is made. */
  const reset = () => {
    isGroup.value = false;
    problem.value = null;
    round.value++;
  };
  const finish = (opening: Promise<number>) =>
    submit(async () => {
      show(await opening);
      close();
    });
  const create = () =>
    finish(
      createGroup(name.value.trim(), usernames()).then((id) => {
        name.value = "";
        chosen.value = [];
        return id;
      }),
    );
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
          name={name}
          chosen={chosen.value}
          busy={busy.value}
          remove={toggle}
          create={() => void create()}
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
