import { render } from "preact";
import "./state/announcements";
import { restore } from "./state/account";
import { App } from "./views/app";

render(<App />, document.getElementById("app")!);
void restore();
