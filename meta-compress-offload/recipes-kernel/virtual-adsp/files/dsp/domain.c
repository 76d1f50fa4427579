// SPDX-License-Identifier: MIT
#include "domain.h"

#include "adm.h"
#include "afe.h"
#include "apr.h"
#include "asm.h"
#include "fault.h"
#include "log.h"
#include "loop.h"
#include "servreg.h"

#define EXIT_CRASH 3

static void acknowledged(void)
{
	log_line("the audio protection domain is up again");
	apr_set_domain_up(true);
	servreg_announce(true, NULL);
}

void domain_restart(void)
{
	log_line("the audio protection domain restarts");
	apr_set_domain_up(false);
	asm_reset("The audio protection domain of the DSP was restarted.");
	adm_reset();
	afe_reset();
	fault_drop_answers();
	servreg_announce(false, acknowledged);
}

void domain_crash(void)
{
	log_line("crash on demand");
	asm_reset("The DSP crashed.");
	loop_quit(EXIT_CRASH);
}
