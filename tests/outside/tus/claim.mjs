// Rules of the protocol as tests: `title` is the section that states one, `level` how strongly, `body` judges the server aimed at.
export const claims = [];

// `needs` is the extension without which the rule asks for nothing.
export const section = (title, needs = undefined) => (level, rule, body) => claims.push({ name: `${title}, ${level}: ${rule}`, needs, body });
